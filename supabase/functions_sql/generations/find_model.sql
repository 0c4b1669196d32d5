-- find_model(p_model_id) -> models      called by: quote_generation, model_for
-- An active model. Refuses: model_not_found 404
create or replace function private.find_model(p_model_id text)
returns public.models
language plpgsql
stable
set search_path = ''
as $$
declare
  m public.models;
begin
  select * into m from public.models x where x.id = p_model_id and x.active;
  if not found then
    raise exception using errcode = 'PT404', message = 'model_not_found',
      detail = jsonb_build_object('model_id', p_model_id)::text,
      hint = 'There is no such model. GET /api/v1/generations/models/supported lists those there are.';
  end if;
  return m;
end
$$;

revoke all on function private.find_model(text) from public, anon, authenticated, service_role;
