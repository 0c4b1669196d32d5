-- fits_model(m, p_whole) -> boolean      called by: compose_prompt
-- Whether a model takes a prompt, and a negative_prompt, of these lengths: {prompt, params}.
create or replace function private.fits_model(m public.models, p_whole jsonb)
returns boolean
language sql
immutable
set search_path = ''
as $$
  select char_length(p_whole ->> 'prompt') <= m.max_prompt_chars
    and coalesce(char_length(p_whole #>> '{params,negative_prompt}')
      <= (m.params_schema #>> '{properties,negative_prompt,maxLength}')::numeric, true);
$$;

revoke all on function private.fits_model(public.models, jsonb) from public, anon, authenticated, service_role;
