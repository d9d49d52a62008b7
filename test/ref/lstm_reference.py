#!/usr/bin/python3
"""Writes lstm_reference.h: a small autoencoder in PyTorch with its reconstruction, loss, gradients
and the losses of 100 steps of Adam, in double precision, for test/unit/test_autoencoder.c.

usage: test/ref/lstm_reference.py >test/ref/lstm_reference.h     (python3-torch; seed fixed below)
"""
import textwrap

import torch

FEATURES, HIDDEN, STEPS, WINDOWS = 5, 8, 6, 7
ADAM_STEPS, RATE, CLIP = 100, 3e-3, 0.1


class Autoencoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = torch.nn.LSTM(FEATURES, HIDDEN)
        self.decoder = torch.nn.LSTM(HIDDEN, HIDDEN)
        self.output = torch.nn.Linear(HIDDEN, FEATURES)
        for layer in (self.encoder, self.decoder):
            # One bias per gate: PyTorch's second would be trained twice as fast as ours.
            torch.nn.init.zeros_(layer.bias_hh_l0)
            layer.bias_hh_l0.requires_grad_(False)

    def forward(self, windows):
        _, (latent, _) = self.encoder(windows)
        decoded, _ = self.decoder(latent.expand(STEPS, -1, -1))
        return self.output(decoded).flip(0)

    def tensors(self):
        """In the order and the orientation of the product's parameter block."""
        return (self.encoder.weight_ih_l0, self.encoder.weight_hh_l0, self.encoder.bias_ih_l0,
                self.decoder.weight_ih_l0, self.decoder.weight_hh_l0, self.decoder.bias_ih_l0,
                self.output.weight, self.output.bias)


def loss_of(model, windows, counted):
    losses = torch.nn.functional.huber_loss(model(windows), windows, reduction="none", delta=1.0)
    return (losses * counted).sum() / counted.sum()


def block(tensors):
    return torch.cat([tensor.detach().t().reshape(-1) if tensor.dim() == 2 else tensor.detach() for tensor in tensors])


def write(name, values, kind="float"):
    texts = [f"{value:.9g}" for value in values.reshape(-1).tolist()]
    print(f"static const {kind} reference_{name}[{len(texts)}] = {{")
    print(textwrap.fill(", ".join(texts), 110, initial_indent="\t", subsequent_indent="\t"))
    print("};\n")


def train(model, windows, counted):
    optimiser = torch.optim.Adam([tensor for tensor in model.parameters() if tensor.requires_grad], lr=RATE)
    losses = []
    for _ in range(ADAM_STEPS):
        optimiser.zero_grad()
        loss = loss_of(model, windows, counted)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([tensor for tensor in model.parameters() if tensor.requires_grad], CLIP)
        optimiser.step()
        losses.append(loss.item())
    losses.append(loss_of(model, windows, counted).item())
    return torch.tensor(losses, dtype=torch.float64)


def main():
    torch.manual_seed(20260301)
    torch.set_default_dtype(torch.float64)
    model = Autoencoder()
    # Rounded to float32 first, so that both sides begin with the same numbers.
    with torch.no_grad():
        for tensor in model.parameters():
            tensor.copy_((1.5 * tensor).float().double())
    windows = (1.3 * torch.randn(STEPS, WINDOWS, FEATURES)).float().double()
    counted = (torch.rand(STEPS, WINDOWS, FEATURES) > 0.2).double()

    print("/* Written by test/ref/lstm_reference.py with PyTorch; arrays of windows are [step][window][feature]. */")
    for name in ("FEATURES", "HIDDEN", "STEPS", "WINDOWS", "ADAM_STEPS", "RATE", "CLIP"):
        print(f"#define REFERENCE_{name} {globals()[name]}")
    print()
    write("parameters", block(model.tensors()))
    write("inputs", windows)
    write("counted", counted.int(), "unsigned char")
    write("reconstruction", model(windows).detach())
    loss_of(model, windows, counted).backward()
    write("gradient", block([tensor.grad for tensor in model.tensors()]))
    write("losses", train(model, windows, counted), "double")


if __name__ == "__main__":
    main()
