/* SPDX-License-Identifier: ISC */

#include <qrencode.h>

#include "qr.h"

void
qr_json(FILE *f, const char *text)
{
	QRcode	*q;
	int	 x, y;

	if ((q = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L)) == NULL) {
		fputs("null", f);
		return;
	}
	putc('[', f);
	for (y = 0; y < q->width; y++) {
		fputs(y > 0 ? ",\"" : "\"", f);
		for (x = 0; x < q->width; x++)
			putc(q->data[y * q->width + x] & 1 ? '1' : '0', f);
		putc('"', f);
	}
	putc(']', f);
	QRcode_free(q);
}
