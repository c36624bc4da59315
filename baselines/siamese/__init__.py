"""The Siamese hybrid aligner of Agrawal & Dixon (2019)."""
