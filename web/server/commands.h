/* What the program does when it is called with arguments, instead of serving. */
#ifndef RIG_COMMANDS_H
#define RIG_COMMANDS_H

#define RIG_EXIT_CONFIGURATION 2	/* of the process: arguments or settings that cannot be used */

/* Prints the commands, for --help. */
extern void rig_commands_describe(void);

/* Runs the command of the arguments, of which there is one at least; returns the exit status. */
extern int	rig_command_run(int argc, char **argv);

#endif
