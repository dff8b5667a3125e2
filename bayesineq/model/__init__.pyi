from .card import ModelCard as ModelCard, Outcome as Outcome, Term as Term
from .priors import Prior as Prior
from .read_card import read_card as read_card
