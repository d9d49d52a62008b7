/*
 * Properties of the Kafka client: our defaults, those that a source may not
 * set, and the mandatory ones. Pure tables.
 */
#ifndef RIG_KAFKA_CONFIG_H
#define RIG_KAFKA_CONFIG_H

typedef struct RigKafkaSetting
{
	const char *key;
	const char *value;			/* NULL ends a table */
} RigKafkaSetting;

/* Applied before the properties of the source, which may override them. */
extern const RigKafkaSetting RIG_KAFKA_DEFAULTS[];

/* Defaults for a client library that looks at a full prefetch queue only once a second. */
extern const RigKafkaSetting RIG_KAFKA_DEFAULTS_BEFORE_2_2[];
extern const RigKafkaSetting RIG_KAFKA_DEFAULTS_SINCE_2_2[];

/* Applied last: exactly-once delivery and thread safety rest on them. */
extern const RigKafkaSetting RIG_KAFKA_MANDATORY[];

#endif
