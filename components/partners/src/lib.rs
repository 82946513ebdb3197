//! The third parties, scriptable: PIM, card processor, carrier, courier, SMS.
