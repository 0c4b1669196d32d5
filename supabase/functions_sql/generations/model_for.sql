-- model_for(p_model_id, p_prompt, p_params, p_user_id) -> models      called by: create_generation, price_items
-- The active model, after checks of the prompt and of the files that the parameters name.
-- Refuses, first match wins: model_not_found 404 · invalid_params 422
create or replace function private.model_for(p_model_id text, p_prompt text, p_params jsonb, p_user_id uuid)
returns public.models
language plpgsql
stable
set search_path = ''
as $$
declare
  m public.models := private.find_model(p_model_id);
begin
  if p_prompt is null or char_length(btrim(p_prompt)) = 0 or char_length(p_prompt) > m.max_prompt_chars then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "prompt"}',
      hint = format('A prompt for %s has 1 to %s characters.', m.title, m.max_prompt_chars);
  end if;
  perform private.check_files(m.params_schema, p_params, p_user_id);
  return m;
end
$$;

revoke all on function private.model_for(text, text, jsonb, uuid) from public, anon, authenticated, service_role;
