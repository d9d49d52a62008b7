#include "timestamp.h"

#define MICROSECONDS_PER_SECOND INT64_C(1000000)
#define SECONDS_PER_MINUTE 60
#define SECONDS_PER_HOUR 3600
#define SECONDS_PER_DAY 86400
#define END_OF_YEAR_9999 INT64_C(253402300800)	/* seconds, exclusive */

/* Bytes of "YYYY-MM-DDTHH:MM:SS" and of "+HH:MM". */
#define DATE_TIME_LENGTH 19
#define OFFSET_LENGTH 6

typedef struct DateTime
{
	int			year;
	int			month;
	int			day;
	int			hour;
	int			minute;
	int			second;
} DateTime;

/* Value of two digits, or a number beyond any field if they are none. */
static inline int
read_two_digits(const char *text)
{
	unsigned int tens = (unsigned char) text[0] - (unsigned int) '0';
	unsigned int ones = (unsigned char) text[1] - (unsigned int) '0';

	return tens <= 9 && ones <= 9 ? (int) (tens * 10 + ones) : 1000;
}

static bool
is_leap_year(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int
days_in_month(int year, int month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && is_leap_year(year));
}

/* Days since 1970-01-01, proleptic Gregorian; years begin in March so that leap days come last. */
static int64_t
days_since_epoch(int year, int month, int day)
{
	int			shifted = month <= 2 ? year - 1 : year;
	int			month_from_march = (month + 9) % 12;
	int			leap_days = shifted / 4 - shifted / 100 + shifted / 400;
	int			day_of_year = (153 * month_from_march + 2) / 5 + day - 1;

	/* 719468 days lie between 0000-03-01 and 1970-01-01. */
	return (int64_t) shifted * 365 + leap_days + day_of_year - 719468;
}

static bool
read_date_time(const char *text, DateTime *fields)
{
	int			century = read_two_digits(text);
	int			year_of_century = read_two_digits(text + 2);
	char		separator = text[10];

	fields->year = century * 100 + year_of_century;
	fields->month = read_two_digits(text + 5);
	fields->day = read_two_digits(text + 8);
	fields->hour = read_two_digits(text + 11);
	fields->minute = read_two_digits(text + 14);
	fields->second = read_two_digits(text + 17);

	if (text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':')
		return false;
	if (separator != 'T' && separator != ' ' && separator != 't')
		return false;
	/* Year 1969 may still reach 1970 by its offset. */
	if (century > 99 || year_of_century > 99 || fields->year < 1969)
		return false;
	return fields->month >= 1 && fields->month <= 12
		&& fields->day >= 1 && fields->day <= days_in_month(fields->year, fields->month)
		&& fields->hour <= 23 && fields->minute <= 59 && fields->second <= 60;
}

/* Reads ".123…" into microseconds; returns the byte behind it, or NULL if no digit follows. */
static const char *
read_fraction(const char *at, const char *end, int64_t *microseconds)
{
	const char *start = ++at;
	int64_t		weight = MICROSECONDS_PER_SECOND / 10;

	for (; at < end && *at >= '0' && *at <= '9'; at++)
	{
		*microseconds += weight * (*at - '0');
		weight /= 10;
	}
	return at > start ? at : NULL;
}

/* Seconds east of UTC of an offset that fills at..end exactly. */
static bool
read_offset(const char *at, const char *end, int *seconds)
{
	int			hours;
	int			minutes;

	if (end - at == 1 && (*at == 'Z' || *at == 'z'))
	{
		*seconds = 0;
		return true;
	}
	if (end - at != OFFSET_LENGTH || (*at != '+' && *at != '-') || at[3] != ':')
		return false;
	hours = read_two_digits(at + 1);
	minutes = read_two_digits(at + 4);
	*seconds = hours * SECONDS_PER_HOUR + minutes * SECONDS_PER_MINUTE;
	if (*at == '-')
		*seconds = -*seconds;
	return hours <= 23 && minutes <= 59;
}

RigTimestampResult
rig_timestamp_parse(const char *text, size_t length, int64_t *microseconds)
{
	const char *end = text + length;
	const char *at = text + DATE_TIME_LENGTH;
	int64_t		fraction = 0;
	int64_t		seconds;
	int			offset;
	DateTime	fields;

	if (length < DATE_TIME_LENGTH || !read_date_time(text, &fields))
		return RIG_TIMESTAMP_INVALID;
	if (at < end && *at == '.')
	{
		at = read_fraction(at, end, &fraction);
		if (at == NULL)
			return RIG_TIMESTAMP_INVALID;
	}
	if (at == end)
		return RIG_TIMESTAMP_WITHOUT_OFFSET;
	if (!read_offset(at, end, &offset))
		return RIG_TIMESTAMP_INVALID;

	seconds = days_since_epoch(fields.year, fields.month, fields.day) * SECONDS_PER_DAY
		+ fields.hour * SECONDS_PER_HOUR + fields.minute * SECONDS_PER_MINUTE
		+ fields.second - offset;
	if (seconds < 0 || seconds >= END_OF_YEAR_9999)
		return RIG_TIMESTAMP_INVALID;
	*microseconds = seconds * MICROSECONDS_PER_SECOND + fraction;
	return RIG_TIMESTAMP_OK;
}

/* significand * 10^exponent, cut to an integer; false when beyond uint64. */
static bool
scale_to_integer(uint64_t significand, int64_t exponent, uint64_t *result)
{
	for (; exponent < 0 && significand > 0; exponent++)
		significand /= 10;
	for (; exponent > 0 && significand > 0; exponent--)
	{
		if (significand > UINT64_MAX / 10)
			return false;
		significand *= 10;
	}
	*result = significand;
	return true;
}

/* The unit that times of our age have such numbers in; false when it is beyond uint64. */
static bool
unit_of_magnitude(const RigDecimal *number, RigTimeUnit *unit)
{
	uint64_t	whole;

	if (!scale_to_integer(number->significand, number->exponent, &whole))
		return false;
	if (whole < UINT64_C(100000000000))
		*unit = RIG_TIME_SECONDS;
	else if (whole < UINT64_C(100000000000000))
		*unit = RIG_TIME_MILLISECONDS;
	else if (whole < UINT64_C(100000000000000000))
		*unit = RIG_TIME_MICROSECONDS;
	else
		*unit = RIG_TIME_NANOSECONDS;
	return true;
}

RigTimestampResult
rig_timestamp_from_unix_in(RigTimeUnit unit, const RigDecimal *number, int64_t *microseconds)
{
	static const int to_microseconds[] = {
		[RIG_TIME_SECONDS] = 6,
		[RIG_TIME_MILLISECONDS] = 3,
		[RIG_TIME_MICROSECONDS] = 0,
		[RIG_TIME_NANOSECONDS] = -3,
	};
	uint64_t	result;

	if (unit == RIG_TIME_BY_MAGNITUDE && !unit_of_magnitude(number, &unit))
		return RIG_TIMESTAMP_INVALID;
	if (!scale_to_integer(number->significand, number->exponent + to_microseconds[unit], &result))
		return RIG_TIMESTAMP_INVALID;
	if (number->negative && result != 0)
		return RIG_TIMESTAMP_INVALID;
	if (result >= (uint64_t) (END_OF_YEAR_9999 * MICROSECONDS_PER_SECOND))
		return RIG_TIMESTAMP_INVALID;
	*microseconds = (int64_t) result;
	return RIG_TIMESTAMP_OK;
}

RigTimestampResult
rig_timestamp_from_unix(const RigDecimal *number, int64_t *microseconds)
{
	return rig_timestamp_from_unix_in(RIG_TIME_BY_MAGNITUDE, number, microseconds);
}
