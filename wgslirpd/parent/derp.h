/* SPDX-License-Identifier: ISC */

#ifndef DERP_H
#define DERP_H

#include "config.h"

/*
 * DERP relays in a configuration.  Each of these returns NULL, or what is
 * wrong, which never shows a secret.
 *
 * derp_new:		one more, by its URL
 * derp_key_file:	our key there is in this file, which is made if it does
 *			not exist and a daemon is about to start
 * derp_key_text:	it is this
 * derp_ca:		whom to trust: a file of certificates
 * derp_pin:		or one public key: "sha256/" and base64
 * derp_proxy:		an HTTP proxy to go through
 * derp_needed:		does the configuration need the derp engine?
 * derp_dot:		whom TLS of questions for names trusts, to be filled in
 * derp_check:		all of them: keys, and whom to trust
 */
const char	*derp_new(struct config *, const char *,
		    struct conf_derp **);
const char	*derp_key_file(struct conf_derp *, const char *);
const char	*derp_key_text(struct conf_derp *, const char *);
const char	*derp_ca(struct conf_derp *, const char *);
const char	*derp_pin(struct conf_derp *, const char *);
const char	*derp_proxy(struct conf_derp *, const char *);
const char	*derp_check(struct config *);
int		 derp_needed(const struct config *);
struct conf_derp	*derp_dot(struct config *);

/*
 * What becomes of files of keys that do not exist.  They can be made before the
 * daemon is locked in.
 */
enum derp_keys {
	DERP_KEYS_THERE,	/* they have to be there */
	DERP_KEYS_MAKE,
	DERP_KEYS_LATER		/* a start would make them */
};
void		 derp_keys(enum derp_keys);


#endif
