-- check_files(p_schema, p_params, p_user_id) -> void      called by: model_for
-- A parameter that names a file (format storage-path) names one in the user's own folder: <bucket>/<user>/..., in a bucket for users' files.
-- Nothing in it may mean another place once it is part of an address.
-- Refuses: invalid_params 422
create or replace function private.check_files(p_schema jsonb, p_params jsonb, p_user_id uuid)
returns void
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_name text;
begin
  for v_name in
    select e.key from jsonb_each(p_schema -> 'properties') e where e.value ->> 'format' = 'storage-path' and p_params ? e.key
  loop
    if jsonb_typeof(p_params -> v_name) is distinct from 'string'
      or p_params ->> v_name !~ ('^(images|batch-originals)/' || p_user_id || '(/[^/\\%?#[:cntrl:]]+)+$')
      or p_params ->> v_name ~ '/\.\.?(/|$)'
    then
      raise exception using errcode = 'PT422', message = 'invalid_params', detail = jsonb_build_object('field', 'params.' || v_name)::text,
        hint = format('%s must name a file in your own folder, such as batch-originals/%s/cat.png.', v_name, p_user_id);
    end if;
  end loop;
end
$$;

revoke all on function private.check_files(jsonb, jsonb, uuid) from public, anon, authenticated, service_role;
