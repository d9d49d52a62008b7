#include "gunzip.h"

#include <stdbool.h>
#include <zlib.h>

#define WINDOW_BITS (15 + 16)	/* gzip only, with the largest window */
#define CHUNK 16384

/* Inflates one member; the input that is left stands in the stream. */
static RigGunzipResult
read_member(z_stream *stream, size_t most, RigBuffer *out)
{
	unsigned char chunk[CHUNK];
	int			status;

	do
	{
		stream->next_out = chunk;
		stream->avail_out = sizeof(chunk);
		status = inflate(stream, Z_NO_FLUSH);
		if (status != Z_OK && status != Z_STREAM_END)
			return RIG_GUNZIP_MALFORMED;
		if (sizeof(chunk) - stream->avail_out > most - out->length)
			return RIG_GUNZIP_TOO_LARGE;
		rig_buffer_append(out, chunk, sizeof(chunk) - stream->avail_out);
	} while (status != Z_STREAM_END);
	return RIG_GUNZIP_DONE;
}

RigGunzipResult
rig_gunzip(const char *bytes, size_t length, size_t most, RigBuffer *out)
{
	z_stream	stream = {0};
	RigGunzipResult result;

	if (length > UINT32_MAX)
		return RIG_GUNZIP_TOO_LARGE;
	if (inflateInit2(&stream, WINDOW_BITS) != Z_OK)
		return RIG_GUNZIP_MALFORMED;
	stream.next_in = (z_const Bytef *) bytes;
	stream.avail_in = (uInt) length;
	do
		result = read_member(&stream, most, out);
	while (result == RIG_GUNZIP_DONE && stream.avail_in > 0 && inflateReset(&stream) == Z_OK);
	inflateEnd(&stream);
	return result;
}
