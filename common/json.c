/* SPDX-License-Identifier: ISC */

#include <string.h>

#include "json.h"

/* Length of the character that begins here (RFC 3629 4), or 0: it is none. */
static size_t
character(const unsigned char *s)
{
	size_t	 i, n;

	if (*s < 0x80)
		return (1);
	n = *s >= 0xc2 && *s <= 0xdf ? 2 : (*s & 0xf0) == 0xe0 ? 3 :
	    *s >= 0xf0 && *s <= 0xf4 ? 4 : 0;
	for (i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return (0);
	/* overlong forms, surrogates, and what is beyond the last */
	if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) ||
	    (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f))
		return (0);
	return (n);
}

void
json_string(FILE *f, const char *text)
{
	const unsigned char	*s = (const unsigned char *)text;
	size_t			 n;

	putc('"', f);
	for (; *s != '\0'; s += n == 0 ? 1 : n) {
		n = character(s);
		if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if (n == 0 || *s < ' ' || *s == 0x7f ||
		    strchr("<>&", *s) != NULL)
			fprintf(f, "\\u%04x", *s);
		else
			fwrite(s, 1, n, f);
	}
	putc('"', f);
}

void
json_key(FILE *f, const char *name)
{
	json_string(f, name);
	putc(':', f);
}
