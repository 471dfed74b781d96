/* SPDX-License-Identifier: ISC */

/* Texts as QR codes, by libqrencode: for a terminal, as SVG and as PNG. */

#include <errno.h>
#include <png.h>
#include <qrencode.h>
#include <stdlib.h>
#include <string.h>

#include "qr.h"

#define QUIET		2		/* modules around it */
#define QUIET_PICTURE	4		/* as the standard wants it */
#define SCALE		8		/* pixels of a module */

/* Is a module dark?  What is around it is not. */
static int
dark(const QRcode *q, int x, int y)
{
	return (x >= 0 && y >= 0 && x < q->width && y < q->width &&
	    (q->data[y * q->width + x] & 1) != 0);
}

/* Two rows a line; light on dark, as most terminals are, by colours. */
static void
write_text(FILE *f, const QRcode *q)
{
	static const char *const	 half[] = { "\xe2\x96\x88",
					    "\xe2\x96\x80", "\xe2\x96\x84",
					    " " };
	int				 x, y;

	for (y = -QUIET; y < q->width + QUIET; y += 2) {
		fputs("\033[97;40m", f);
		for (x = -QUIET; x < q->width + QUIET; x++)
			fputs(half[dark(q, x, y) * 2 + dark(q, x, y + 1)],
			    f);
		fputs("\033[0m\n", f);
	}
}

static void
write_svg(FILE *f, const QRcode *q)
{
	int	 x, y, size = q->width + 2 * QUIET_PICTURE;

	fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" "
	    "viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
	    "shape-rendering=\"crispEdges\">\n<path fill=\"#fff\" "
	    "d=\"M0 0h%dv%dH0z\"/>\n<path d=\"", size, size, size * SCALE,
	    size * SCALE, size, size);
	for (y = 0; y < q->width; y++)
		for (x = 0; x < q->width; x++)
			if (dark(q, x, y))
				fprintf(f, "M%d %dh1v1h-1z",
				    x + QUIET_PICTURE, y + QUIET_PICTURE);
	fputs("\"/>\n</svg>\n", f);
}

/* -1 if libpng fails, or there is no memory. */
static int
write_png(FILE *f, const QRcode *q)
{
	png_image	 image;
	png_byte	*pixels;
	int		 x, y, size = (q->width + 2 * QUIET_PICTURE) * SCALE;
	int		 ok;

	if ((pixels = malloc((size_t)size * (size_t)size)) == NULL)
		return (-1);
	for (y = 0; y < size; y++)
		for (x = 0; x < size; x++)
			pixels[y * size + x] = dark(q, x / SCALE -
			    QUIET_PICTURE, y / SCALE - QUIET_PICTURE) ? 0 :
			    255;
	memset(&image, 0, sizeof(image));
	image.version = PNG_IMAGE_VERSION;
	image.width = image.height = (png_uint_32)size;
	image.format = PNG_FORMAT_GRAY;
	ok = png_image_write_to_stdio(&image, f, 0, pixels, 0, NULL);
	free(pixels);
	if (!ok)
		errno = EIO;
	return (ok ? 0 : -1);
}

int
qr_write(FILE *f, const char *text, enum qr_form form)
{
	QRcode	*q;
	int	 r = 0;

	q = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
	if (q == NULL)
		return (-1);
	switch (form) {
	case QR_TEXT:
		write_text(f, q);
		break;
	case QR_SVG:
		write_svg(f, q);
		break;
	case QR_PNG:
		r = write_png(f, q);
		break;
	}
	QRcode_free(q);
	return (r);
}
