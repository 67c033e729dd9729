"""Training recipe of the engine `nerve-vessel`: nerves and vessels in ultrasound for regional anaesthesia."""
