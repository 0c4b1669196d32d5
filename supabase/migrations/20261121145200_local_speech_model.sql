-- Speech that every installation can make where the library for it exists: read aloud by the worker itself, offline.
set lock_timeout = '4s';
set statement_timeout = '60s';

insert into public.models (
  id, provider, kind, title, description, base_credits, unit, unit_credits, max_credits, cost_base_micros, cost_unit_micros,
  max_prompt_chars, timeout_seconds, params_schema)
values (
  'local/speech', 'local', 'audio', 'Local speech',
  'Reads your prompt aloud, without a network, in a voice that is plainly a machine''s.',
  0, 'thousand_characters', 2, 10, 0, 0, 5000, 120, $json${
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": false,
    "properties": {
      "voice": {"type": "string", "enum": ["en-us", "en", "de", "es", "fr", "it", "nl", "pl", "pt", "sv"], "default": "en-us", "description": "The language that the prompt is written in; en is British."},
      "words_per_minute": {"type": "integer", "minimum": 80, "maximum": 400, "default": 160, "description": "How fast to read."},
      "pitch": {"type": "integer", "minimum": 0, "maximum": 99, "default": 50, "description": "How high the voice is."}
    }
  }$json$);
