/* What a number of segments can be chosen by; the rules are those of selection.h. */
#ifndef LOHKO_ASSESS_CRITERION_H
#define LOHKO_ASSESS_CRITERION_H

enum criterion {
    CHOOSE_SILHOUETTE, /* the highest; the fewest segments on a tie */
    CHOOSE_STABILITY,  /* the most segments whose mean ARI is within SELECTION_ALIKE of the highest */
    CHOOSE_GAP,        /* the fewest segments with gap(k) >= gap(next k) - error(next k), as published */
    CHOOSE_PREDICTION_STRENGTH /* the most segments with at least STABILITY_STRENGTH, as published */
};
enum { CRITERIA = 4 };

#endif
