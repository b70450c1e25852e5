/* Time for deadlines and durations: milliseconds that never go back. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_ms(void);

#endif
