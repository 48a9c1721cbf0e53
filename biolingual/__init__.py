"""BioLingual: what is true of animal sound and of the model. The rooms are listed in the README's map."""
