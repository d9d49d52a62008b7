/* Runs a fuzz target over files, so that every find of the fuzzer stays a test. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_INPUT (1 << 20)

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
	{
		FILE	   *file = fopen(argv[i], "rb");
		uint8_t    *data = malloc(MAX_INPUT);
		uint8_t    *exact;
		size_t		size;

		if (file == NULL)
		{
			perror(argv[i]);
			return EXIT_FAILURE;
		}
		size = fread(data, 1, MAX_INPUT, file);
		fclose(file);

		/* A block of exactly this size lets the sanitizer see a byte read too far. */
		exact = realloc(data, size > 0 ? size : 1);
		LLVMFuzzerTestOneInput(exact, size);
		free(exact);
		printf("ok %d - %s\n", i, argv[i]);
	}
	printf("1..%d\n", argc - 1);
	return argc > 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
