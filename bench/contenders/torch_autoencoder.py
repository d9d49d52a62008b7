"""The product's LSTM autoencoder in PyTorch: the same network, score and training step."""
import torch

FEATURES = 56
STEPS = 20
CLIP = 1.0
RATE = 1e-3
POWER = 4  # of the mean over features, as in the product


class TorchAutoencoder(torch.nn.Module):
    """Windows are [step][window][feature]."""

    def __init__(self, hidden, seed):
        super().__init__()
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        self.hidden = hidden
        self.encoder = torch.nn.LSTM(FEATURES, hidden)
        self.decoder = torch.nn.LSTM(hidden, hidden)
        self.output = torch.nn.Linear(hidden, FEATURES)
        self.optimiser = torch.optim.Adam(self.parameters(), lr=RATE)

    def forward(self, windows):
        _, (latent, _) = self.encoder(windows)
        decoded, _ = self.decoder(latent.expand(STEPS, -1, -1))
        return self.output(decoded).flip(0)

    def parameter_block(self):
        """In the product's layout: inputs first, gates beside each other, one bias per gate."""
        def matrix(tensor):
            return tensor.detach().t().reshape(-1)

        def bias(layer):
            return (layer.bias_ih_l0 + layer.bias_hh_l0).detach()
        return torch.cat([matrix(self.encoder.weight_ih_l0), matrix(self.encoder.weight_hh_l0), bias(self.encoder),
                          matrix(self.decoder.weight_ih_l0), matrix(self.decoder.weight_hh_l0), bias(self.decoder),
                          matrix(self.output.weight), self.output.bias.detach()]).numpy()

    @torch.no_grad()
    def score(self, windows):
        means = (self(windows) - windows).square().mean(0)
        return means.pow(POWER).mean(1).log() / POWER

    def train_step(self, windows):
        self.optimiser.zero_grad()
        torch.nn.functional.huber_loss(self(windows), windows).backward()
        torch.nn.utils.clip_grad_norm_(self.parameters(), CLIP)
        self.optimiser.step()
