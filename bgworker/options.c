#include "options.h"

#include "guc.h"
#include "secret.h"

#define SECRET_SUFFIX "_file"
#define SECRET_MAX 65536

static bool
names_secret_file(const char *key)
{
	size_t		length = strlen(key);
	size_t		suffix = strlen(SECRET_SUFFIX);

	return length > suffix && strcmp(key + length - suffix, SECRET_SUFFIX) == 0;
}

/* Translate one property; secrets is a buffer that stays with it. */
static bool
translate_property(const RigProperty *from, RigKafkaProperty *to, char *error, size_t error_size)
{
	char	   *secret;

	to->key = from->key;
	to->value = from->value;
	to->secret = false;
	if (!names_secret_file(from->key))
		return true;
	secret = palloc0(SECRET_MAX);
	to->key = pnstrdup(from->key, strlen(from->key) - strlen(SECRET_SUFFIX));
	to->value = secret;
	to->secret = true;
	return rig_secret_read(from->value, rig_guc_secrets_directory, secret, SECRET_MAX, error, error_size);
}

static void
forget_secrets(RigKafkaProperty *properties, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (properties[i].secret)
			explicit_bzero((char *) properties[i].value, SECRET_MAX);
	}
}

/* Translate all properties; forget_secrets() is due whatever comes of it. */
static RigKafkaProperty *
translate_properties(const RigSource *source, char *error, size_t error_size, bool *translated)
{
	RigKafkaProperty *properties = palloc0((source->property_count + 1) * sizeof(RigKafkaProperty));

	*translated = true;
	for (int i = 0; i < source->property_count && *translated; i++)
		*translated = translate_property(&source->properties[i], &properties[i], error, error_size);
	return properties;
}

RigKafka *
rig_options_open(const RigSource *source, int slot, char *error, size_t error_size)
{
	bool		translated;
	RigKafkaProperty *properties = translate_properties(source, error, error_size, &translated);
	RigKafkaOptions options = {
		.brokers = source->brokers,
		.topic = source->topic,
		.group_id = psprintf("rigalpha-%s-%s", source->database, source->name),
		.client_id = psprintf("rigalpha-%s-%s-%d", source->database, source->name, slot),
		.properties = properties,
		.property_count = source->property_count
	};
	RigKafka   *kafka = translated ? rig_kafka_open(&options, error, error_size) : NULL;

	forget_secrets(properties, source->property_count);
	return kafka;
}

RigKafkaProducer *
rig_options_open_producer(const RigSource *source, const char *topic, char *error, size_t error_size)
{
	bool		translated;
	RigKafkaProperty *properties = translate_properties(source, error, error_size, &translated);
	RigKafkaOptions options = {
		.brokers = source->brokers,
		.topic = topic,
		.client_id = psprintf("rigalpha-%s-checkpoints", source->database),
		.properties = properties,
		.property_count = source->property_count
	};
	RigKafkaProducer *producer = translated ? rig_kafka_producer_open(&options, error, error_size) : NULL;

	forget_secrets(properties, source->property_count);
	return producer;
}
