#ifndef LOHKO_APP_VERSION_H
#define LOHKO_APP_VERSION_H

/* "0.2.0", and the git commit it was built from ("unknown" outside a checkout). */
const char *version_text(void);
const char *version_commit(void);

#endif
