/* All handlers, by subject. */
#ifndef RIG_HANDLERS_H
#define RIG_HANDLERS_H

#include <stdbool.h>

#include "database.h"
#include "request.h"

/* handlers_alarms.c */
extern bool rig_handle_alarms(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_machine_alarms(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_ack_alarm(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_clear_alarm(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_reopen_alarm(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_thresholds(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_put_threshold(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_delete_threshold(RigRequest *request, RigDatabase *database, RigFailure *failure);

/* handlers_audit.c */
extern bool rig_handle_audit(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_audit_verify(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_audit_checkpoint(RigRequest *request, RigDatabase *database, RigFailure *failure);

/* handlers_export.c */
extern bool rig_handle_export(RigRequest *request, RigDatabase *database, RigFailure *failure);

/* handlers_account.c */
extern void rig_handle_change_password(RigRequest *request);
extern void rig_handle_new_second_factor(RigRequest *request);
extern void rig_handle_confirm_second_factor(RigRequest *request);
extern void rig_handle_remove_second_factor(RigRequest *request);

/* handlers_health.c */
extern bool rig_handle_alive(RigRequest *request);
extern bool rig_handle_ready(RigRequest *request, RigDatabase *database, RigFailure *failure);

/* handlers_incidents.c */
extern bool rig_handle_incidents(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_machine_incidents(RigRequest *request, RigDatabase *database, RigFailure *failure);

/* handlers_ingest.c */
extern void rig_check_ingest(RigRequest *request);
extern void rig_check_write(RigRequest *request);
extern bool rig_handle_ingest(RigRequest *request);

/* handlers_machines.c */
extern bool rig_handle_machines(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_machine(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_machine_sensors(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_machine_state(RigRequest *request, RigDatabase *database, RigFailure *failure);

/* handlers_models.c */
extern bool rig_handle_models(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_training(RigRequest *request, RigDatabase *database, RigFailure *failure);

/* handlers_readings.c */
extern bool rig_handle_readings(RigRequest *request, RigDatabase *database, RigFailure *failure);

/* handlers_sensors.c */
extern bool rig_handle_sensors(RigRequest *request, RigDatabase *database, RigFailure *failure);

/* handlers_sessions.c */
extern bool rig_handle_sessions(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_revoke_session(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_revoke_other_sessions(RigRequest *request, RigDatabase *database, RigFailure *failure);

/* handlers_status.c */
extern bool rig_handle_status(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_dead_letters(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_sources(RigRequest *request, RigDatabase *database, RigFailure *failure);

/* handlers_session.c */
extern void rig_handle_login(RigRequest *request);
extern void rig_handle_logout(RigRequest *request);
extern bool rig_handle_me(RigRequest *request, RigDatabase *database, RigFailure *failure);

/* handlers_stream.c */
extern bool rig_handle_stream(RigRequest *request, RigDatabase *database, RigFailure *failure);

/* handlers_tokens.c */
extern bool rig_handle_tokens(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_issue_token(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_revoke_token(RigRequest *request, RigDatabase *database, RigFailure *failure);

/* handlers_users.c */
extern bool rig_handle_users(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_create_user(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_change_user(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_reset_password(RigRequest *request, RigDatabase *database, RigFailure *failure);
extern bool rig_handle_clear_second_factor(RigRequest *request, RigDatabase *database, RigFailure *failure);

/* static_files.c */
extern bool rig_handle_static(RigRequest *request);

/*
 * Shared by the readers: answers 200 with the JSON text in the only column of the only
 * row, or 404 when that is NULL or there is no row.
 */
extern bool rig_answer_json(RigRequest *request, RigDatabase *database, const RigStatement *statement,
							const char *const *values, RigFailure *failure);

#endif
