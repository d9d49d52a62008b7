#include "simdjson_peer.h"

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

struct SimdjsonPeer
{
	const RigNames *names;
	std::vector<char> padded;
	simdjson::ondemand::parser on_demand;
	simdjson::dom::parser dom;
};

SimdjsonPeer *
simdjson_peer_create(const RigNames *names, size_t max_length)
{
	auto	   *peer = new SimdjsonPeer;

	peer->names = names;
	peer->padded.resize(max_length + simdjson::SIMDJSON_PADDING);
	return peer;
}

void
simdjson_peer_destroy(SimdjsonPeer *peer)
{
	delete peer;
}

const char *
simdjson_peer_variant(void)
{
	static const std::string name = simdjson::get_active_implementation()->name();

	return name.c_str();
}

static bool
store_value(const SimdjsonPeer *peer, std::string_view key, double number, double *values)
{
	int32_t		id = rig_names_find(peer->names, key.data(), (int32_t) key.size());

	if (id < 0)
		return false;
	values[id] = number;
	return true;
}

bool
simdjson_peer_on_demand(SimdjsonPeer *peer, const char *bytes, size_t length, double *values)
{
	simdjson::ondemand::document document;
	simdjson::ondemand::object message;
	size_t		texts = 0;

	std::memcpy(peer->padded.data(), bytes, length);
	if (peer->on_demand.iterate(peer->padded.data(), length, peer->padded.size()).get(document) ||
		document.get_object().get(message))
		return false;
	for (auto field : message)
	{
		std::string_view key;
		std::string_view text;
		simdjson::ondemand::object sensors;

		if (field.unescaped_key().get(key))
			return false;
		if (key != "sensors")
		{
			if (field.value().get_string().get(text))
				return false;
			texts += text.size();
			continue;
		}
		if (field.value().get_object().get(sensors))
			return false;
		for (auto sensor : sensors)
		{
			double		number;

			if (sensor.unescaped_key().get(key) || sensor.value().get_double().get(number) ||
				!store_value(peer, key, number, values))
				return false;
		}
	}
	return texts > 0;
}

bool
simdjson_peer_dom(SimdjsonPeer *peer, const char *bytes, size_t length, double *values)
{
	simdjson::dom::object message;
	size_t		texts = 0;

	std::memcpy(peer->padded.data(), bytes, length);
	if (peer->dom.parse(peer->padded.data(), length, false).get(message))
		return false;
	for (auto field : message)
	{
		std::string_view text;
		simdjson::dom::object sensors;

		if (field.key != "sensors")
		{
			if (field.value.get(text))
				return false;
			texts += text.size();
			continue;
		}
		if (field.value.get(sensors))
			return false;
		for (auto sensor : sensors)
		{
			double		number;

			if (sensor.value.get(number) || !store_value(peer, sensor.key, number, values))
				return false;
		}
	}
	return texts > 0;
}
