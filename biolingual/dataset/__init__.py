"""What is made of a version of AnimalSpeak: its leakage firewall, card, differences, exports, takedowns and plans."""
