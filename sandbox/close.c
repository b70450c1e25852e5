/*
 * A newborn has its parent's descriptors, other sessions' channels among
 * them; it keeps none but its own.
 */
#include <unistd.h>

#include "sandbox/sandbox.h"

void
sandbox_close_others(const int *keep, size_t n)
{
	unsigned first = 3;
	size_t i;
	int lowest;

	for (;;) {
		lowest = -1;
		for (i = 0; i < n; i++)
			if (keep[i] >= (int)first &&
			    (lowest == -1 || keep[i] < lowest))
				lowest = keep[i];
		if (lowest == -1)
			break;
		if ((unsigned)lowest > first)
			close_range(first, (unsigned)lowest - 1, 0);
		first = (unsigned)lowest + 1;
	}
	close_range(first, ~0U, 0);
}
