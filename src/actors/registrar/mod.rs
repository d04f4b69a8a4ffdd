//! Makes the webhooks at Webex equal to what is wanted, per bot and paced. One bad bot stops no other.
