-- admin_preview_prompt(p_model_id, p_prompt, p_params, p_presets) -> jsonb      called by: backend/rpc/prompts.py as support and above
-- {model, prompt, params, presets}: what the provider would be sent now for this prompt and these presets, by the functions that generations
-- take. Nothing is written.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · model_not_found 404 · invalid_params 422
create or replace function private.admin_preview_prompt(p_model_id text, p_prompt text, p_params jsonb, p_presets jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_params jsonb := coalesce(p_params, '{}');
  v_sent jsonb;
  m public.models;
begin
  perform private.require_role('support');
  m := private.model_for(p_model_id, p_prompt, v_params, auth.uid());
  perform private.check_presets(p_presets);
  v_sent := private.compose_prompt(m, p_prompt, v_params, private.choose_presets(m, p_prompt, v_params, p_presets));
  return jsonb_build_object('model', m.id, 'presets', '[]'::jsonb) || v_sent;
end
$$;

create or replace function public.admin_preview_prompt(
  p_model_id text, p_prompt text, p_params jsonb default null, p_presets jsonb default null)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select private.admin_preview_prompt(p_model_id, p_prompt, p_params, p_presets);
$$;

revoke all on function private.admin_preview_prompt(text, text, jsonb, jsonb), public.admin_preview_prompt(text, text, jsonb, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_preview_prompt(text, text, jsonb, jsonb), public.admin_preview_prompt(text, text, jsonb, jsonb)
  to authenticated;
