/*
 * Text of rigalpha-sim --help.
 */
#ifndef RIG_OPTIONS_HELP_H
#define RIG_OPTIONS_HELP_H

extern const char rig_options_help[];

#endif
