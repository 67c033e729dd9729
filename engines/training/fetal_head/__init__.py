"""Training recipe of the engine `fetal-head`: fetal head in B-mode ultrasound."""
