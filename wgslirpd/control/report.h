/* SPDX-License-Identifier: ISC */

#ifndef REPORT_H
#define REPORT_H

#include <stdint.h>

/*
 * A line with the figures in the log, every so many seconds (0: never), as
 * JSON or as text.  It begins at once when that changes.
 */
void	 report_set(uint32_t, int);

#endif
