/* The text of a checkpoint: its layout to the byte, and that nothing else is read as one. */
#include <string.h>

#include "checkpoint_note.h"
#include "tap.h"

#define LOG_ID "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
#define ROOT "SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I="
#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define CHAINS "chains JkrUxqEWnZLu5mOtQrnsDozACXe13EUdZpifYoNWs7U=\n"
#define GUARD "guard qdQDTaB9jvMdsc1BGbakVS/fvRl4fihI5xyO47R3A6c=\n"
#define EPOCH "epoch 2 prev ny5tM6NxfugmNTpAS6RhjRrutoea15Nrzo7V9GgUkk0=\n"
#define HEAD "rigalpha/" LOG_ID "\n20852163\n" ROOT "\n"
#define TAIL EPOCH CHAINS GUARD "time 1795549697123456\n"
#define TEXT HEAD TAIL

static bool
parses(const char *text)
{
	RigCheckpoint checkpoint;

	return rig_checkpoint_parse(&checkpoint, text, strlen(text));
}

static void
test_layout(void)
{
	RigCheckpoint checkpoint;
	RigBuffer	text = {0};

	tap_ok(rig_checkpoint_parse(&checkpoint, TEXT, strlen(TEXT)), "a checkpoint is read");
	tap_ok(strcmp(checkpoint.log_id, LOG_ID) == 0 && checkpoint.size == 20852163 && checkpoint.epoch == 2 &&
		   checkpoint.time == INT64_C(1795549697123456), "its numbers");
	tap_ok(checkpoint.root[0] == 0x48 && checkpoint.root[31] == 0xb2 && checkpoint.previous_head[0] == 0x9f &&
		   checkpoint.previous_head[31] == 0x4d && checkpoint.chains[0] == 0x26 && checkpoint.chains[31] == 0xb5 &&
		   checkpoint.guard[0] == 0xa9 && checkpoint.guard[31] == 0xa7, "its hashes");
	tap_ok(rig_checkpoint_format(&checkpoint, &text) && strcmp(text.data, TEXT) == 0, "and written again");
	rig_buffer_release(&text);

	memset(&checkpoint, 0, sizeof(checkpoint));
	strcpy(checkpoint.log_id, LOG_ID);
	tap_ok(rig_checkpoint_format(&checkpoint, &text) &&
		   strcmp(text.data, "rigalpha/" LOG_ID "\n0\n" ZEROS "\nepoch 0 prev " ZEROS "\nchains " ZEROS "\nguard " ZEROS
				  "\ntime 0\n") == 0 && parses(text.data), "the least of everything");
	text.length = 0;
	checkpoint.size = UINT64_MAX;
	checkpoint.epoch = UINT32_MAX;
	checkpoint.time = INT64_MAX;
	tap_ok(rig_checkpoint_format(&checkpoint, &text) && rig_checkpoint_parse(&checkpoint, text.data, text.length) &&
		   checkpoint.size == UINT64_MAX && checkpoint.epoch == UINT32_MAX && checkpoint.time == INT64_MAX,
		   "the most of everything");
	text.length = 0;
	checkpoint.time = -1;
	tap_ok(!rig_checkpoint_format(&checkpoint, &text) && text.length == 0, "no time before 1970");
	checkpoint.time = 0;
	strcpy(checkpoint.log_id, "0F1E2D3C-4B5A-6978-8796-A5B4C3D2E1F0");
	tap_ok(!rig_checkpoint_format(&checkpoint, &text), "a log id is in lower case");
	strcpy(checkpoint.log_id, "0f1e2d3c");
	tap_ok(!rig_checkpoint_format(&checkpoint, &text), "and whole");
	rig_buffer_release(&text);
}

static void
test_refusals(void)
{
	static const char *const refused[] = {
		"", "\n", HEAD, TEXT "\n", TEXT "more\n", "\n" TEXT,
		"rigbeta/" LOG_ID "\n1\n" ROOT "\n" TAIL,
		"rigalpha/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f\n1\n" ROOT "\n" TAIL,
		"rigalpha/0f1e2d3c04b5a-6978-8796-a5b4c3d2e1f0\n1\n" ROOT "\n" TAIL,
		"rigalpha/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1-0\n1\n" ROOT "\n" TAIL,
		"rigalpha/0F1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0\n1\n" ROOT "\n" TAIL,
		"rigalpha/" LOG_ID " \n1\n" ROOT "\n" TAIL,
		"rigalpha/" LOG_ID "\n01\n" ROOT "\n" TAIL, "rigalpha/" LOG_ID "\n-1\n" ROOT "\n" TAIL,
		"rigalpha/" LOG_ID "\n+1\n" ROOT "\n" TAIL, "rigalpha/" LOG_ID "\n\n" ROOT "\n" TAIL,
		"rigalpha/" LOG_ID "\n18446744073709551616\n" ROOT "\n" TAIL,
		"rigalpha/" LOG_ID "\n1\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7J=\n" TAIL,
		"rigalpha/" LOG_ID "\n1\nAAAA\n" TAIL, "rigalpha/" LOG_ID "\n1\n" ROOT "=\n" TAIL,
		HEAD "epoch 4294967296 prev " ZEROS "\n" CHAINS GUARD "time 0\n",
		HEAD "epoch 2  prev " ZEROS "\n" CHAINS GUARD "time 0\n", HEAD "epoch 2 prev -\n" CHAINS GUARD "time 0\n",
		HEAD CHAINS EPOCH GUARD "time 0\n", HEAD EPOCH GUARD CHAINS "time 0\n", HEAD EPOCH CHAINS "time 0\n",
		HEAD EPOCH CHAINS GUARD "time 9223372036854775808\n", HEAD EPOCH CHAINS GUARD "time 1.5\n",
		HEAD EPOCH CHAINS GUARD "time 0", HEAD EPOCH CHAINS GUARD "\ntime 0\n", HEAD EPOCH CHAINS GUARD "time 0\r\n",
	};
	RigCheckpoint checkpoint;
	bool		right = true;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		tap_ok(!parses(refused[i]), "no checkpoint, case %zu", i);
	for (size_t length = 0; length < strlen(TEXT); length++)
	{
		char	   *cut = rig_copy_text(TEXT, length);

		right = right && !rig_checkpoint_parse(&checkpoint, cut, length);
		free(cut);
	}
	tap_ok(right, "no beginning of one is one");
}

int
main(void)
{
	test_layout();
	test_refusals();
	return tap_done();
}
