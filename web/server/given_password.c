#include "given_password.h"

#include <openssl/crypto.h>
#include <stdint.h>

#include "clock.h"
#include "encoding.h"

#define RANDOM_BYTES 20
#define GROUP 4

void
rig_given_password_make(char password[RIG_GIVEN_PASSWORD_SIZE])
{
	uint8_t		bytes[RANDOM_BYTES];
	char		text[RIG_BASE32_SIZE(RANDOM_BYTES)];
	char	   *end = password;

	rig_random_bytes(bytes, sizeof(bytes));
	rig_encode(RIG_BASE32, bytes, sizeof(bytes), text);
	for (int i = 0; text[i] != '\0'; i++)
	{
		if (i > 0 && i % GROUP == 0)
			*end++ = '-';
		*end++ = text[i] >= 'A' ? (char) (text[i] - 'A' + 'a') : text[i];
	}
	*end = '\0';
	OPENSSL_cleanse(bytes, sizeof(bytes));
	OPENSSL_cleanse(text, sizeof(text));
}
