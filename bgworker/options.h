/*
 * From a source in the database to the options of its Kafka client.
 */
#ifndef RIG_OPTIONS_H
#define RIG_OPTIONS_H

#include "kafka_client.h"
#include "source.h"

/*
 * Open the client of a source for one slot: properties that end in _file are
 * replaced by the content of the file. NULL with a text on failure.
 */
extern RigKafka *rig_options_open(const RigSource *source, int slot, char *error, size_t error_size);

/* Open a producer into a topic with the brokers and properties of a source. */
extern RigKafkaProducer *rig_options_open_producer(const RigSource *source, const char *topic,
												   char *error, size_t error_size);

#endif
