#include "commands.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "create_admin.h"
#include "note_key_file.h"
#include "router.h"
#include "signer_state.h"

#ifndef RIG_VERSION
#define RIG_VERSION "unknown"
#endif

/* One command and how many arguments it takes behind its name. */
typedef struct Command
{
	const char *name;
	int			least;
	int			most;
	const char *arguments;
	const char *meaning;
	int			(*run) (char **arguments);
} Command;

static int
complain(const char *error)
{
	fprintf(stderr, "rigalpha-web: %s\n", error);
	return EXIT_FAILURE;
}

static int
print_public_key(char **arguments)
{
	RigNoteSigner signer;
	char		text[RIG_NOTE_KEY_TEXT_SIZE];
	char		error[512];

	if (!rig_note_key_load(&signer, arguments[0], error, sizeof(error)))
		return complain(error);
	rig_note_verifier_format(&signer.verifier, text);
	rig_note_signer_release(&signer);
	printf("%s\n", text);
	return EXIT_SUCCESS;
}

static int
make_key(char **arguments)
{
	char		name[RIG_NOTE_NAME_MAX + 1] = "rigalpha/";
	char		error[512];
	size_t		length = strlen(name);

	if (arguments[1] == NULL && gethostname(name + length, sizeof(name) - length - 1) != 0)
		return complain("this machine has no name: give the key one");
	if (!rig_note_key_create(arguments[0], arguments[1] != NULL ? arguments[1] : name, error, sizeof(error)))
		return complain(error);
	return print_public_key(arguments);
}

static int
accept_log(char **arguments)
{
	RigSignerState state;
	char		kept[RIG_PATH_SIZE];
	char		error[RIG_PATH_SIZE + 128];
	bool		done;

	(void) arguments;
	if (!rig_config_load())
		return RIG_EXIT_CONFIGURATION;
	if (*rig_config.signing_key == '\0')
		return complain("RIGALPHA_SIGNING_KEY is not set");
	if (!rig_signer_state_open(&state, rig_config.signing_key, error, sizeof(error)))
		return complain(error);
	if (!state.has_signed)
	{
		rig_signer_state_close(&state);
		printf("nothing was signed with this key yet\n");
		return EXIT_SUCCESS;
	}
	done = rig_signer_state_set_aside(&state, kept, error, sizeof(error));
	rig_signer_state_close(&state);
	if (!done)
		return complain(error);
	printf("the next log is accepted as it is; signed before: log %s, size %" PRIu64 ", kept in %s\n",
		   state.last.log_id, state.last.size, kept);
	return EXIT_SUCCESS;
}

static int
create_admin(char **arguments)
{
	return rig_config_load() ? rig_create_admin(arguments[0] != NULL ? arguments[0] : "admin") : RIG_EXIT_CONFIGURATION;
}

static int
print_routes(char **arguments)
{
	(void) arguments;
	rig_router_print(stdout);
	return EXIT_SUCCESS;
}

static int
print_version(char **arguments)
{
	(void) arguments;
	printf("rigalpha-web %s\n", RIG_VERSION);
	return EXIT_SUCCESS;
}

static const Command COMMANDS[] = {
	{"--make-key", 1, 2, " PATH [NAME]", "makes the key that signs checkpoints; prints its public key", make_key},
	{"--public-key", 1, 1, " PATH", "prints the public key again", print_public_key},
	{"--accept-log", 0, 0, "", "forgets what RIGALPHA_SIGNING_KEY signed, after a restore; the sidecar must be stopped", accept_log},
	{"--create-admin", 0, 1, " [NAME]", "makes the first account (admin) and prints its password once; as a login with rigalpha_admin", create_admin},
	{"--routes", 0, 0, "", "prints the table of routes: method, path and who may call it", print_routes},
	{"--version", 0, 0, "", "prints the version", print_version},
};

#define COMMAND_COUNT (sizeof(COMMANDS) / sizeof(COMMANDS[0]))

void
rig_commands_describe(void)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		printf("  rigalpha-web %s%s\n      %s\n", COMMANDS[i].name, COMMANDS[i].arguments, COMMANDS[i].meaning);
}

int
rig_command_run(int argc, char **argv)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
	{
		const Command *command = &COMMANDS[i];

		/* The vector ends in NULL, so what is optional may be looked at. */
		if (strcmp(argv[1], command->name) == 0 && argc - 2 >= command->least && argc - 2 <= command->most)
			return command->run(argv + 2);
	}
	fprintf(stderr, "rigalpha-web: unknown argument; try --help\n");
	return RIG_EXIT_CONFIGURATION;
}
