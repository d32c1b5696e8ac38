#include "app/version.h"

const char *version_text(void)
{
    return LOHKO_VERSION;
}

const char *version_commit(void)
{
    return LOHKO_COMMIT;
}
