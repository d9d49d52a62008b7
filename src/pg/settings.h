/* Settings of the extension; each is described where it is defined, in settings.c. */
#ifndef RIG_SETTINGS_H
#define RIG_SETTINGS_H

extern int	rig_alarm_lateness; /* milliseconds */
extern bool rig_auto_train;
extern int	rig_auto_train_readings;
extern int	rig_clock_tolerance;	/* seconds */
extern double rig_false_alarms_per_day;
extern int	rig_future_tolerance;	/* seconds */
extern int	rig_lstm_stride;	/* readings; 0 = never */
extern int	rig_machine_quota;
extern int	rig_max_new_partitions;
extern int	rig_max_payload;	/* bytes */
extern int	rig_model_cache_size;	/* kB */
extern int	rig_partitions_ahead;	/* days */
extern int	rig_retention_days;
extern int	rig_retrain_interval;	/* seconds; 0 = never */
extern int	rig_sensor_quota;
extern int	rig_session_idle_timeout;	/* seconds */
extern int	rig_session_lifetime;	/* seconds */
extern int	rig_silent_after;	/* seconds */
extern int	rig_train_mem;		/* kB */
extern int	rig_training_workers;

extern void rig_define_settings(void);

#endif
