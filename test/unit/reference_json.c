#include "reference_json.h"

#include <string.h>

typedef struct Reader
{
	const unsigned char *bytes;
	size_t		length;
	size_t		at;
	int			max_depth;
} Reader;

static bool read_value(Reader *reader, int depth);

/* The next byte, or -1 at the end. */
static int
peek(const Reader *reader)
{
	return reader->at < reader->length ? reader->bytes[reader->at] : -1;
}

static bool
accept(Reader *reader, int byte)
{
	if (peek(reader) != byte)
		return false;
	reader->at++;
	return true;
}

static bool
accept_text(Reader *reader, const char *text)
{
	for (; *text != '\0'; text++)
	{
		if (!accept(reader, *text))
			return false;
	}
	return true;
}

static void
skip_space(Reader *reader)
{
	while (accept(reader, ' ') || accept(reader, '\t') || accept(reader, '\n') || accept(reader, '\r'))
		continue;
}

static int
accept_hex(Reader *reader)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	int			byte = peek(reader);
	const char *found = byte > 0 ? strchr(digits, byte) : NULL;
	int			value = found != NULL ? (int) (found - digits) : -1;

	if (value >= 0)
		reader->at++;
	return value >= 16 ? value - 6 : value;
}

static int
accept_hex4(Reader *reader)
{
	int			unit = 0;

	for (int i = 0; i < 4; i++)
	{
		int			value = accept_hex(reader);

		if (value < 0)
			return -1;
		unit = unit * 16 + value;
	}
	return unit;
}

static bool
read_escape(Reader *reader)
{
	int			byte = peek(reader);
	int			unit;

	reader->at++;
	if (byte != 'u')
		return byte > 0 && strchr("\"\\/bfnrt", byte) != NULL;
	unit = accept_hex4(reader);
	if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff))
		return false;
	if (unit < 0xd800 || unit > 0xdbff)
		return true;
	if (!accept_text(reader, "\\u"))
		return false;
	unit = accept_hex4(reader);
	return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Decodes a sequence of the given length and checks that it is the shortest of a legal character. */
static bool
read_utf8(Reader *reader, int lead)
{
	int			length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	long		least = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
	long		code = lead & (0x7f >> length);

	if (lead < 0xc0 || lead >= 0xf8)
		return false;
	for (int i = 1; i < length; i++)
	{
		int			byte = peek(reader);

		if (byte < 0x80 || byte > 0xbf)
			return false;
		code = code << 6 | (byte & 0x3f);
		reader->at++;
	}
	return code >= least && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

static bool
read_string(Reader *reader)
{
	if (!accept(reader, '"'))
		return false;
	for (;;)
	{
		int			byte = peek(reader);

		if (byte < 0x20)
			return false;		/* the end of the input too */
		reader->at++;
		if (byte == '"')
			return true;
		if (byte == '\\' && !read_escape(reader))
			return false;
		if (byte >= 0x80 && !read_utf8(reader, byte))
			return false;
	}
}

static bool
read_digits(Reader *reader)
{
	size_t		start = reader->at;

	while (peek(reader) >= '0' && peek(reader) <= '9')
		reader->at++;
	return reader->at > start;
}

static bool
read_number(Reader *reader)
{
	accept(reader, '-');
	if (!accept(reader, '0') && !read_digits(reader))
		return false;
	if (accept(reader, '.') && !read_digits(reader))
		return false;
	if (accept(reader, 'e') || accept(reader, 'E'))
	{
		if (!accept(reader, '+'))
			accept(reader, '-');
		return read_digits(reader);
	}
	return true;
}

static bool
read_object(Reader *reader, int depth)
{
	skip_space(reader);
	if (accept(reader, '}'))
		return true;
	do
	{
		skip_space(reader);
		if (!read_string(reader))
			return false;
		skip_space(reader);
		if (!accept(reader, ':') || !read_value(reader, depth))
			return false;
	} while (accept(reader, ','));
	return accept(reader, '}');
}

static bool
read_array(Reader *reader, int depth)
{
	skip_space(reader);
	if (accept(reader, ']'))
		return true;
	do
	{
		if (!read_value(reader, depth))
			return false;
	} while (accept(reader, ','));
	return accept(reader, ']');
}

/* Reads a value with the white space round it, inside depth containers. */
static bool
read_value(Reader *reader, int depth)
{
	bool		valid;

	skip_space(reader);
	switch (peek(reader))
	{
		case '{':
		case '[':
			if (depth == reader->max_depth)
				return false;
			valid = reader->bytes[reader->at++] == '{' ? read_object(reader, depth + 1)
				: read_array(reader, depth + 1);
			break;
		case '"':
			valid = read_string(reader);
			break;
		case 't':
			valid = accept_text(reader, "true");
			break;
		case 'f':
			valid = accept_text(reader, "false");
			break;
		case 'n':
			valid = accept_text(reader, "null");
			break;
		default:
			valid = read_number(reader);
			break;
	}
	skip_space(reader);
	return valid;
}

bool
reference_is_json(const char *bytes, size_t length, int max_depth)
{
	Reader		reader = {(const unsigned char *) bytes, length, 0, max_depth};

	return read_value(&reader, 0) && reader.at == length;
}
