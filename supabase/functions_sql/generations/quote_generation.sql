-- quote_generation(p_model_id, p_params, p_prompt) -> jsonb      called by: backend/rpc/generations.py as the user
-- What create_generation would reserve, and how it came about: {model, credits, price_version, breakdown}. Nothing is written.
-- Refuses, first match wins: unauthenticated 401 · model_not_found 404 · invalid_params 422
create or replace function private.quote_generation(p_model_id text, p_params jsonb, p_prompt text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform private.require_user();
  return private.price_generation(private.find_model(p_model_id), p_prompt, coalesce(p_params, '{}'));
end
$$;

create or replace function public.quote_generation(p_model_id text, p_params jsonb default '{}', p_prompt text default null)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.quote_generation(p_model_id, p_params, p_prompt);
end
$$;

revoke all on function private.quote_generation(text, jsonb, text), public.quote_generation(text, jsonb, text)
  from public, anon, authenticated, service_role;
grant execute on function private.quote_generation(text, jsonb, text), public.quote_generation(text, jsonb, text) to authenticated;
