/* SPDX-License-Identifier: ISC */

#ifndef KEYS_H
#define KEYS_H

/* Print a new private key, or with 1 a preshared key. */
void	 key_generate(int);

/* Print the public key of the private one on standard input; exit status. */
int	 key_public(void);

/*
 * Print the name at DERP relays of who has the key in a file, which is made if
 * it does not exist; exit status.
 */
int	 key_node(const char *);

#endif
