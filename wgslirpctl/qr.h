/* SPDX-License-Identifier: ISC */

#ifndef QR_H
#define QR_H

#include <stdio.h>

/* What a picture is written as. */
enum qr_form {
	QR_TEXT,		/* for a terminal, with block characters */
	QR_SVG,
	QR_PNG
};

/* Write a text as a QR code.  -1 with errno if that cannot be done. */
int	 qr_write(FILE *, const char *, enum qr_form);

#endif
