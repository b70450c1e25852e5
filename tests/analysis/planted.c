/* Defects for the analysers, which tests/analysis/known expects. */
#include <stdlib.h>
#include <string.h>

void planted_copy(const char *from);

void
planted_copy(const char *from)
{
	char *lost = malloc(20);

	if (lost != NULL)
		strcpy(lost, from);
}
