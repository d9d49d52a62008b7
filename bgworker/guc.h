/*
 * Settings of the worker, rigalpha_worker.*; all take effect on reload.
 */
#ifndef RIG_GUC_H
#define RIG_GUC_H

#define RIG_GUC_PREFIX "rigalpha_worker"

extern int	rig_guc_batch_bytes;
extern int	rig_guc_batch_messages;
extern char *rig_guc_checkpoint_source;
extern char *rig_guc_checkpoint_topic;
extern char *rig_guc_databases;
extern int	rig_guc_linger;
extern int	rig_guc_lock_timeout;
extern char *rig_guc_secrets_directory;

extern void rig_guc_define(void);

#endif
