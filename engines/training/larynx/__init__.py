"""Training recipe of the engine `larynx`: vocal folds, glottal space, pathology and instruments in endoscopy."""
