from .card import ModelCard as ModelCard, Outcome as Outcome, Prior as Prior, Term as Term
from .read_card import read_card as read_card
