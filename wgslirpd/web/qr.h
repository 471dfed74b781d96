/* SPDX-License-Identifier: ISC */

#ifndef QR_H
#define QR_H

#include <stdio.h>

/*
 * A text as a QR code: an array of strings, one for each row, with a character
 * for each module, 1 if it is dark; null if it does not fit.
 */
void	 qr_json(FILE *, const char *);

#endif
