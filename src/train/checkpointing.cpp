#include "train/checkpointing.h"

#include <torch/torch.h>

#include <memory>
#include <utility>

namespace linscan {
namespace {

using BlockFunction = std::function<at::Tensor(const at::Tensor&)>;

class Checkpointed : public torch::autograd::Function<Checkpointed> {
 public:
  // `anchor` requires gradients, so that the node is there even where x does not (the embedding
  // is not trained) but leaves inside f do.
  static at::Tensor forward(torch::autograd::AutogradContext* context,
                            const at::Tensor& x,
                            const at::Tensor& anchor,
                            const std::shared_ptr<BlockFunction>& f) {
    (void)anchor;
    context->save_for_backward({x});
    held(context) = f;
    const at::NoGradGuard no_grad;
    return (*f)(x);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const at::Tensor saved = context->get_saved_variables().front();
    const at::Tensor x = saved.detach().requires_grad_(saved.requires_grad());
    at::Tensor y;
    {
      const at::AutoGradMode with_grad(true);
      y = (*held(context))(x);
    }
    if (y.requires_grad()) {
      torch::autograd::backward({y}, {gradients.front()});
    }
    return {x.grad(), at::Tensor(), at::Tensor()};
  }

 private:
  static std::shared_ptr<BlockFunction>& held(torch::autograd::AutogradContext* context) {
    struct Holder : torch::CustomClassHolder {
      std::shared_ptr<BlockFunction> f;
    };
    auto& slot = context->saved_data["f"];
    if (slot.isNone()) {
      slot = c10::IValue::make_capsule(c10::make_intrusive<Holder>());
    }
    return static_cast<Holder*>(slot.toCapsule().get())->f;
  }
};

}  // namespace

at::Tensor checkpointed(const BlockFunction& f, const at::Tensor& x) {
  if (!at::GradMode::is_enabled()) {
    return f(x);
  }
  const at::Tensor anchor = at::empty({0}).requires_grad_();
  return Checkpointed::apply(x, anchor, std::make_shared<BlockFunction>(f));
}

}  // namespace linscan
