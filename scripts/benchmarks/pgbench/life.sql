\set n random(1, :wallets)
begin;
select set_config('role', 'authenticated', true), set_config('request.jwt.claims', '{"role": "authenticated", "sub": "00000000-0000-4000-8000-' || lpad(:n::text, 12, '0') || '"}', true);
select public.create_generation('local/picture', 'a fox in the snow', '{"num_images": 1}', gen_random_uuid()::text) ->> 'id' as generation \gset
commit;
begin;
select set_config('role', 'service_role', true), set_config('request.jwt.claims', '{"role": "service_role"}', true);
select public.claim_generation(:generation, 'bench', 60);
commit;
begin;
select set_config('role', 'service_role', true), set_config('request.jwt.claims', '{"role": "service_role"}', true);
select public.complete_generation(:generation, 1, '[{"path": "generations/a/b/1-0.png", "kind": "image", "width": 512, "height": 512}]');
commit;
