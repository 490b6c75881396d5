"""Names that later phases of a movement will use; reserved, so that nothing else takes them. Nobody says them yet."""

PLANNED = {
    "evaluation.explanation.requested.v1": "The council asks a unit to explain (giải trình) before it is criticised.",
    "evaluation.explanation.answered.v1": "The unit explained within its time.",
    "evaluation.explanation.lapsed.v1": "The time for an explanation passed in silence.",
    "evaluation.exemplar.proposed.v1": "A unit proposes a good way of working as an exemplar (điển hình).",
    "evaluation.exemplar.verified.v1": "An exemplar was checked and holds.",
    "evaluation.exemplar.published.v1": "An exemplar is public and may be followed.",
    "evaluation.exemplar.adopted.v1": "Another unit took an exemplar up (nhân rộng).",
    "evaluation.inspection.drawn.v1": "Units to be inspected on the spot were drawn with a published seed.",
    "evaluation.inspection.concluded.v1": "An inspection ended with findings.",
    "evaluation.self-score.submitted.v1": "A unit proposed its own score.",
    "evaluation.cluster-score.appraised.v1": "The cluster appraised the proposed scores.",
    "evaluation.council-score.decided.v1": "The council decided the official score.",
    "evaluation.ranking.published.v1": "The ranking is public, after the council's approval.",
    "evaluation.commendation.proposed.v1": "The council proposes a commendation (khen thưởng) with its dossier.",
    "evaluation.commendation.recorded.v1": "A clerk recorded number and date of a decision signed outside.",
    "evaluation.commendation.revoked.v1": "A commendation was cancelled by a recorded decision.",
    "evaluation.appeal.lodged.v1": "A unit disputes a line of its score (phúc tra).",
    "evaluation.appeal.decided.v1": "An appeal was decided.",
}
