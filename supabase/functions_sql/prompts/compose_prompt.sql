-- compose_prompt(m, p_prompt, p_params, p_presets) -> jsonb      called by: choose_presets, claim_generation, admin_preview_prompt
-- {prompt, params, presets}: what the provider is sent for this prompt with presets as choose_presets makes them. Versions never change, so the
-- same generation always gets the same. No presets (null): the very prompt. What would make prompt or negative_prompt longer than the model takes is
-- left out, from the first that does not fit, and marked so in `presets`.
create or replace function private.compose_prompt(m public.models, p_prompt text, p_params jsonb, p_presets jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_none constant jsonb := jsonb_build_object('prompt', p_prompt, 'params', p_params);
  v_texts jsonb;
  v_whole jsonb;
  v_kept jsonb := '[]';
  v_left_out text[] := '{}';
  v_text jsonb;
begin
  if p_presets is null then
    return v_none;
  end if;
  v_texts := private.preset_texts(p_presets);
  v_whole := private.join_texts(m, p_prompt, p_params, v_texts);
  if not private.fits_model(m, v_whole) then
    v_whole := v_none;
    for v_text in select t from jsonb_array_elements(v_texts) t loop
      if private.fits_model(m, private.join_texts(m, p_prompt, p_params, v_kept || v_text)) then
        v_kept := v_kept || v_text;
        v_whole := private.join_texts(m, p_prompt, p_params, v_kept);
      else
        v_left_out := v_left_out || (v_text ->> 'key');
      end if;
    end loop;
  end if;
  return v_whole || jsonb_build_object('presets', (
    select jsonb_agg(case when p.preset ->> 'key' = any (v_left_out) then p.preset || '{"left_out": "length"}' else p.preset end order by p.n)
    from jsonb_array_elements(p_presets) with ordinality p (preset, n)));
end
$$;

revoke all on function private.compose_prompt(public.models, text, jsonb, jsonb) from public, anon, authenticated, service_role;
