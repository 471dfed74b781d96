/* SPDX-License-Identifier: ISC */

#ifndef KEY_H
#define KEY_H

#include <stdint.h>

#define KEY_LEN		32
#define KEY_B64LEN	45	/* 44 characters and a terminator */

int	 key_from_base64(uint8_t [KEY_LEN], const char *);
int	 key_from_text(uint8_t [KEY_LEN], const char *);
void	 key_to_base64(char [KEY_B64LEN], const uint8_t [KEY_LEN]);
int	 key_is_zero(const uint8_t [KEY_LEN]);

/* Keys at DERP relays: a word, which is one of these, and hexadecimal. */
#define NODE_PUBLIC	"nodekey:"
#define NODE_PRIVATE	"privkey:"
#define NODE_STRLEN	(8 + 2 * KEY_LEN + 1)	/* with a terminator */

int	 key_from_node(uint8_t [KEY_LEN], const char *, const char *);
void	 key_to_node(char [NODE_STRLEN], const char *,
	    const uint8_t [KEY_LEN]);
int	 key_read_node(uint8_t [KEY_LEN], int, const char **);
/* A key from an open file; shared: others may read it, and own it. */
int	 key_read_file(uint8_t [KEY_LEN], int, int, const char **);

#endif
