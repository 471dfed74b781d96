/* SPDX-License-Identifier: ISC */

/* The same tests as those of the other library's. */

#include "test_noise.c"
